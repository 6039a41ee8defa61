{{/* What all pods have in common. Each takes a dict with root and component. */}}

{{/* The pod's own part: who it is, and that it may ask the API for nothing. */}}
{{- define "equal-stream.pod" -}}
{{- $values := .root.Values -}}
serviceAccountName: {{ .serviceAccount | default (include "equal-stream.serviceAccount" .root) }}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: {{ $values.security.runAsUser }}
  runAsGroup: {{ $values.security.fsGroup }}
  fsGroup: {{ $values.security.fsGroup }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- with $values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* Where it may run. Takes the component's values. */}}
{{- define "equal-stream.placement" -}}
{{- with .priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* The container's own part: image and hardening. Takes the root. */}}
{{- define "equal-stream.container" -}}
image: {{ include "equal-stream.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  runAsNonRoot: true
  capabilities:
    drop: [ALL]
{{- end -}}

{{- define "equal-stream.mounts" -}}
- name: tmp
  mountPath: /tmp
- name: data
  mountPath: {{ include "equal-stream.dataDir" . }}
{{- if .Values.kafkaTls.secretName }}
- name: kafka-tls
  mountPath: {{ include "equal-stream.tlsDir" . }}
  readOnly: true
{{- end }}
{{- if (.Values.storeTls).secretName }}
- name: store-tls
  mountPath: {{ include "equal-stream.storeTlsDir" . }}
  readOnly: true
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/*
The volumes behind the mounts. Takes root, component (whose Kafka user it is) and claim: that for the data
directory; empty: it is not kept.
*/}}
{{- define "equal-stream.volumes" -}}
- name: tmp
  emptyDir: {}
- name: data
  {{- if .claim }}
  persistentVolumeClaim:
    claimName: {{ .claim }}
  {{- else }}
  emptyDir: {}
  {{- end }}
{{- $user := include "equal-stream.kafkaUser" . | fromYaml }}
{{- with .root.Values.kafkaTls }}
{{- if eq .secretName $user.certificate }}
{{- if .secretName }}
- name: kafka-tls
  secret:
    secretName: {{ .secretName | quote }}
    defaultMode: 0440
{{- end }}
{{- else }}
- name: kafka-tls
  projected:
    defaultMode: 0440
    sources:
      {{- with .ca }}
      - secret:
          name: {{ $.root.Values.kafkaTls.secretName | quote }}
          items:
            - {key: {{ . | quote }}, path: {{ . | quote }}}
      {{- end }}
      - secret:
          name: {{ $user.certificate | quote }}
          items:
            - {key: {{ .certificate | quote }}, path: {{ .certificate | quote }}}
            - {key: {{ .key | quote }}, path: {{ .key | quote }}}
{{- end }}
{{- end }}
{{- with (.root.Values.storeTls).secretName }}
- name: store-tls
  secret:
    secretName: {{ . | quote }}
    defaultMode: 0440
{{- end }}
{{- with .root.Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The claim for a component's data directory. Takes name and persistence; empty when it is not kept. */}}
{{- define "equal-stream.claim" -}}
{{- if .persistence.enabled -}}
{{- default .name .persistence.existingClaim -}}
{{- end -}}
{{- end -}}

{{/* A claim as an object. Takes root, component, name and persistence. */}}
{{- define "equal-stream.claimObject" -}}
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: {{ .name }}
  namespace: {{ .root.Release.Namespace | quote }}
  labels:
    {{- include "equal-stream.labels" (dict "root" .root "component" .component) | nindent 4 }}
  annotations:
    helm.sh/resource-policy: keep  # what was paid for outlives the release
spec:
  accessModes: [ReadWriteOnce]
  {{- with .persistence.storageClass }}
  storageClassName: {{ . }}
  {{- end }}
  resources:
    requests:
      storage: {{ .persistence.size }}
{{- end -}}
