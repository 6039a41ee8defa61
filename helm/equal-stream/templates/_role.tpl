{{/*
The pod template of a role: `equal-stream run <component>` with its settings, secrets and probes.
Takes root, component, values (the component's), claim (may be empty) and started (the probe that says so).
*/}}
{{- define "equal-stream.role" -}}
{{- $root := .root -}}
{{- $values := $root.Values -}}
{{- $local := and (eq .component "allocator") (not (include "equal-stream.ray.address" $root)) -}}
{{- $usesRay := or (eq .component "allocator") (not $values.config.store.url) -}}
metadata:
  labels:
    {{- include "equal-stream.labels" (dict "root" $root "component" .component) | nindent 4 }}
    equal-stream/metrics: "true"
  annotations:
    checksum/config: {{ include "equal-stream.settings" $root | sha256sum }}
    {{- with .values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  {{- include "equal-stream.pod" (dict "root" $root) | nindent 2 }}
  {{- with include "equal-stream.placement" .values | trim }}
  {{- . | nindent 2 }}
  {{- end }}
  terminationGracePeriodSeconds: {{ .values.terminationGracePeriodSeconds }}
  {{- with .values.topologyKey }}
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: {{ . }}
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "equal-stream.selector" (dict "root" $root "component" $.component) | nindent 10 }}
  {{- end }}
  containers:
    - name: {{ .component }}
      {{- include "equal-stream.container" $root | nindent 6 }}
      args: [run, {{ .component }}]
      env:
        - name: EQUAL_STREAM_CONFIG
          value: /etc/equal-stream/config/equal-stream.yaml
        {{- if $usesRay }}
        {{- include "equal-stream.ray.env" $root | nindent 8 }}
        {{- else }}
        - name: RAY_AUTH_MODE
          value: {{ $values.ray.auth.mode }}
        {{- end }}
        {{- with include "equal-stream.secrets" (dict "root" $root "component" .component) }}
        {{- . | nindent 8 }}
        {{- end }}
        {{- with $values.extraEnv }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      ports:
        - name: http
          containerPort: 8080
      startupProbe:
        httpGet: {path: {{ .started }}, port: http}
        periodSeconds: {{ $values.probes.periodSeconds }}
        timeoutSeconds: {{ $values.probes.timeoutSeconds }}
        failureThreshold: {{ div $values.probes.startupSeconds $values.probes.periodSeconds | max 1 }}
      livenessProbe:
        httpGet: {path: /healthz, port: http}
        periodSeconds: {{ $values.probes.periodSeconds }}
        timeoutSeconds: {{ $values.probes.timeoutSeconds }}
        failureThreshold: 3
      readinessProbe:
        httpGet: {path: /readyz, port: http}
        periodSeconds: {{ $values.probes.periodSeconds }}
        timeoutSeconds: {{ $values.probes.timeoutSeconds }}
        failureThreshold: 3
      resources:
        {{- toYaml .values.resources | nindent 8 }}
      volumeMounts:
        - name: config
          mountPath: /etc/equal-stream/config
          readOnly: true
        {{- if $local }}
        - name: shared-memory
          mountPath: /dev/shm
        {{- end }}
        {{- include "equal-stream.mounts" $root | nindent 8 }}
  volumes:
    - name: config
      configMap:
        name: {{ include "equal-stream.fullname" $root }}
        items:
          - {key: equal-stream.yaml, path: equal-stream.yaml}
    {{- if $local }}
    - name: shared-memory
      emptyDir: {medium: Memory, sizeLimit: 256Mi}
    {{- end }}
    {{- include "equal-stream.volumes" (dict "root" $root "component" .component "claim" .claim) | nindent 4 }}
{{- end -}}
