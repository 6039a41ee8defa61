{{/* The service's settings as it reads them: what the values say, and what the chart decides. */}}

{{- define "equal-stream.dataDir" -}}/var/lib/equal-stream{{- end -}}
{{- define "equal-stream.tlsDir" -}}/etc/equal-stream/kafka{{- end -}}
{{- define "equal-stream.storeTlsDir" -}}/etc/equal-stream/store{{- end -}}

{{- define "equal-stream.settings" -}}
{{- $chosen := dict
  "transport" "kafka"
  "data_dir" (include "equal-stream.dataDir" .)
  "observability" (dict "host" "0.0.0.0" "port" 8080) -}}
{{- with include "equal-stream.ray.address" . -}}
{{- $_ := set $chosen "ray" (dict "address" .) -}}
{{- end -}}
{{- with .Values.kafkaTls -}}
{{- if .secretName -}}
{{- $files := dict -}}
{{- range $setting, $key := dict "ssl_cafile" .ca "ssl_certfile" .certificate "ssl_keyfile" .key -}}
{{- if $key -}}
{{- $_ := set $files $setting (printf "%s/%s" (include "equal-stream.tlsDir" $) $key) -}}
{{- end -}}
{{- end -}}
{{- $_ := set $chosen "kafka" $files -}}
{{- end -}}
{{- end -}}
{{- with .Values.storeTls -}}
{{- if .secretName -}}
{{- $_ := set $chosen "store" (dict "ca_file" (printf "%s/%s" (include "equal-stream.storeTlsDir" $) .ca)) -}}
{{- end -}}
{{- end -}}
{{- toYaml (mergeOverwrite (deepCopy .Values.config) $chosen) -}}
{{- end -}}

{{/*
The Kafka user of a component as YAML: own (whether the name is its own), name, password (a Secret's name and
key) and certificate (the Secret that has it and its key). What is its own stands in the component's values, what
is everybody's under config, secrets and kafkaTls. Takes a dict with root and component.
*/}}
{{- define "equal-stream.kafkaUser" -}}
{{- $values := .root.Values -}}
{{- /* absent after `helm upgrade --reuse-values` from a release that had none; null leaves a key out */ -}}
{{- $own := default dict (index $values .component).kafkaUser -}}
{{- $password := $values.secrets.kafkaPassword -}}
{{- if $own.name -}}
{{- $password = dict "name" $own.passwordSecret "key" (default "password" $own.passwordKey) -}}
{{- end -}}
{{- dict
  "own" (not (empty $own.name))
  "name" (default "" (coalesce $own.name $values.config.kafka.sasl_plain_username))
  "password" $password
  "certificate" (default $values.kafkaTls.secretName $own.tlsSecret) | toYaml -}}
{{- end -}}

{{/* The secrets of the service as environment variables. Takes a dict with root and component. */}}
{{- define "equal-stream.secrets" -}}
{{- $secrets := .root.Values.secrets -}}
{{- $user := include "equal-stream.kafkaUser" . | fromYaml -}}
{{- $wanted := dict
  "EQUAL_STREAM_KAFKA__SASL_PLAIN_PASSWORD" $user.password
  "EQUAL_STREAM_KAFKA__SSL_PASSWORD" $secrets.kafkaKeyPassword -}}
{{- if has .component (list "embedder" "clusterer" "allocator") -}}
{{- $_ := set $wanted "EQUAL_STREAM_STORE__API_KEY" $secrets.storeApiKey -}}
{{- end -}}
{{- if eq .component "allocator" -}}
{{- $_ := set $wanted "EQUAL_STREAM_LLM__API_KEY" $secrets.llmApiKey -}}
{{- end -}}
{{- if $user.own }}
- name: EQUAL_STREAM_KAFKA__SASL_PLAIN_USERNAME
  value: {{ $user.name | replace "$" "$$" | quote }}  # Kubernetes would read $(…) and $$
{{- end }}
{{- range $variable, $secret := $wanted }}
{{- if $secret.name }}
- name: {{ $variable }}
  valueFrom:
    secretKeyRef:
      name: {{ $secret.name | quote }}
      key: {{ $secret.key | quote }}
{{- end }}
{{- end }}
{{- end -}}
