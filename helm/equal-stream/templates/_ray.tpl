{{/* Where Ray is, and who has its token. */}}

{{- define "equal-stream.ray.name" -}}
{{- printf "%s-ray" (include "equal-stream.fullname" .) -}}
{{- end -}}

{{/* The address of the Ray cluster; empty: Ray runs inside the allocator's pod. */}}
{{- define "equal-stream.ray.address" -}}
{{- if .Values.ray.cluster.enabled -}}
{{- printf "ray://%s-head-svc.%s.svc:10001" (include "equal-stream.ray.name" .) .Release.Namespace -}}
{{- else -}}
{{- .Values.ray.address -}}
{{- end -}}
{{- end -}}

{{- define "equal-stream.ray.secret" -}}
{{- default (printf "%s-token" (include "equal-stream.ray.name" .)) .Values.ray.auth.existingSecret -}}
{{- end -}}

{{/* The environment of a container that is part of a Ray cluster or joins one. */}}
{{- define "equal-stream.ray.env" -}}
- name: RAY_AUTH_MODE
  value: {{ .Values.ray.auth.mode }}
{{- if and (eq .Values.ray.auth.mode "token") (include "equal-stream.ray.address" .) }}
- name: RAY_AUTH_TOKEN
  valueFrom:
    secretKeyRef:
      name: {{ include "equal-stream.ray.secret" . }}
      key: {{ .Values.ray.auth.key }}
{{- end }}
{{- end -}}
