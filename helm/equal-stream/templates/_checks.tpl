{{/* Contradictions stop here, each with the sentence that says what to set. */}}

{{- define "equal-stream.checks" -}}
{{- include "equal-stream.checks.kafka" . -}}
{{- include "equal-stream.checks.kafkaUsers" . -}}
{{- include "equal-stream.checks.llm" . -}}
{{- include "equal-stream.checks.ray" . -}}
{{- include "equal-stream.checks.store" . -}}
{{- include "equal-stream.checks.embedder" . -}}
{{- include "equal-stream.checks.metrics" . -}}
{{- end -}}

{{- define "equal-stream.checks.kafka" -}}
{{- $kafka := .Values.config.kafka -}}
{{- $password := .Values.secrets.kafkaPassword.name -}}
{{- $protocol := default "PLAINTEXT" $kafka.security_protocol -}}
{{- $mechanism := default "" $kafka.sasl_mechanism -}}
{{- if not $kafka.bootstrap_servers -}}
{{- fail "No Kafka broker is named: set config.kafka.bootstrap_servers to host:port." -}}
{{- end -}}
{{- if hasPrefix "SASL" $protocol -}}
{{- if not $mechanism -}}
{{- fail (printf "config.kafka.security_protocol is %s: set config.kafka.sasl_mechanism to PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, GSSAPI or OAUTHBEARER." $protocol) -}}
{{- end -}}
{{- else if or $mechanism $password -}}
{{- fail (printf "A SASL mechanism or password is set, but config.kafka.security_protocol is %s: set it to SASL_SSL or SASL_PLAINTEXT." $protocol) -}}
{{- end -}}
{{- with .Values.kafkaTls -}}
{{- if and (or .certificate .key) (not .secretName) -}}
{{- fail "kafkaTls names a client certificate, but not the Secret that has it: set kafkaTls.secretName." -}}
{{- end -}}
{{- if .secretName -}}
{{- if not (hasSuffix "SSL" $protocol) -}}
{{- fail (printf "kafkaTls.secretName is set, but config.kafka.security_protocol is %s: set it to SSL or SASL_SSL." $protocol) -}}
{{- end -}}
{{- if ne (empty .certificate) (empty .key) -}}
{{- fail "A client certificate for Kafka needs both kafkaTls.certificate and kafkaTls.key." -}}
{{- end -}}
{{- if or $kafka.ssl_cafile $kafka.ssl_certfile $kafka.ssl_keyfile -}}
{{- fail "kafkaTls and config.kafka.ssl_… both name certificate files: use one of them." -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "equal-stream.checks.kafkaUsers" -}}
{{- $mechanism := default "" .Values.config.kafka.sasl_mechanism -}}
{{- $named := or (eq $mechanism "PLAIN") (hasPrefix "SCRAM" $mechanism) -}}
{{- $files := .Values.kafkaTls -}}
{{- range $component := concat (list "embedder" "clusterer" "allocator") (ternary (list "topics") (list) .Values.topics.create) -}}
{{- $own := default dict (index $.Values $component).kafkaUser -}}
{{- $user := include "equal-stream.kafkaUser" (dict "root" $ "component" $component) | fromYaml -}}
{{- if ne (empty $own.name) (empty $own.passwordSecret) -}}
{{- fail (printf "%s.kafkaUser needs both name and passwordSecret: set both, or none of them." $component) -}}
{{- end -}}
{{- if and $own.name (not $named) -}}
{{- fail (printf "%s.kafkaUser.name is set, but Kafka asks for no name: set config.kafka.sasl_mechanism to PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512." $component) -}}
{{- end -}}
{{- if and $named (not (and $user.name $user.password.name)) -}}
{{- fail (printf "Kafka's %s needs a user and a password: set config.kafka.sasl_plain_username and secrets.kafkaPassword.name, or %s.kafkaUser." $mechanism $component) -}}
{{- end -}}
{{- if and $own.tlsSecret (not (and $files.secretName $files.certificate $files.key)) -}}
{{- fail (printf "%s.kafkaUser.tlsSecret is set, but kafkaTls does not say under which names its files are: set kafkaTls.secretName, kafkaTls.certificate and kafkaTls.key." $component) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "equal-stream.checks.llm" -}}
{{- $llm := .Values.config.llm -}}
{{- $budget := .Values.config.budget -}}
{{- if $llm.base_url -}}
{{- if not $llm.model -}}
{{- fail "config.llm.base_url is set without a model: set config.llm.model." -}}
{{- end -}}
{{- if or (kindIs "invalid" $llm.in_mtok_cost) (kindIs "invalid" $llm.out_mtok_cost) -}}
{{- fail "An LLM is configured without its prices, so spending could not be counted: set config.llm.in_mtok_cost and config.llm.out_mtok_cost in USD per million tokens, 0 when calls are free." -}}
{{- end -}}
{{- if and (kindIs "invalid" $budget.usd_total) (kindIs "invalid" $budget.tokens_total) -}}
{{- fail "An LLM is configured without a cap: set config.budget.usd_total or config.budget.tokens_total." -}}
{{- end -}}
{{- else if or $llm.model .Values.secrets.llmApiKey.name -}}
{{- fail "A model or a key for an LLM is set without an endpoint: set config.llm.base_url, or drop them to take pairs only from pages that carry their own questions." -}}
{{- end -}}
{{- end -}}

{{- define "equal-stream.checks.ray" -}}
{{- $ray := .Values.ray -}}
{{- if and $ray.cluster.enabled $ray.address -}}
{{- fail "ray.cluster.enabled makes a Ray cluster and ray.address names another: use one of them." -}}
{{- end -}}
{{- if and $ray.address (eq $ray.auth.mode "token") (not $ray.auth.existingSecret) -}}
{{- fail "ray.address names a cluster that asks for a token: set ray.auth.existingSecret to the Secret that holds it, or ray.auth.mode to disabled." -}}
{{- end -}}
{{- if and (not $ray.address) (ne $ray.auth.mode "token") -}}
{{- fail "A Ray that this release starts asks for a token, because whoever reaches Ray runs code in it: leave ray.auth.mode at token." -}}
{{- end -}}
{{- end -}}

{{- define "equal-stream.checks.store" -}}
{{- if (.Values.storeTls).secretName -}}
{{- if not .Values.storeTls.ca -}}
{{- fail "storeTls.secretName is set without the name of a file in it: set storeTls.ca, or leave storeTls.secretName empty to trust the system's authorities." -}}
{{- end -}}
{{- if not (hasPrefix "https://" (default "" .Values.config.store.url)) -}}
{{- fail "storeTls.secretName is set, but config.store.url does not begin with https://: name the Qdrant server so, or leave storeTls empty." -}}
{{- end -}}
{{- if .Values.config.store.ca_file -}}
{{- fail "storeTls and config.store.ca_file both name the authority of the Qdrant server: use one of them." -}}
{{- end -}}
{{- end -}}
{{- if not .Values.config.store.url -}}
{{- if not (include "equal-stream.ray.address" .) -}}
{{- fail "There is no place for passages that all pods can reach: set config.store.url to a Qdrant server, or have a Ray cluster keep them (ray.cluster.enabled, or ray.address)." -}}
{{- end -}}
{{- if .Values.secrets.storeApiKey.name -}}
{{- fail "secrets.storeApiKey is the key of a Qdrant server: set config.store.url, or drop it." -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "equal-stream.checks.embedder" -}}
{{- with .Values.embedder.autoscaling -}}
{{- if .enabled -}}
{{- if gt (int .minReplicas) (int .maxReplicas) -}}
{{- fail "embedder.autoscaling.minReplicas is more than maxReplicas." -}}
{{- end -}}
{{- if and (has (default "" $.Values.config.kafka.sasl_mechanism) (list "GSSAPI" "OAUTHBEARER")) (not .authentication) -}}
{{- fail (printf "KEDA needs to be told how to pass Kafka's %s: set embedder.autoscaling.authentication to a TriggerAuthentication of yours." $.Values.config.kafka.sasl_mechanism) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "equal-stream.checks.metrics" -}}
{{- with .Values.metrics -}}
{{- if and .podMonitor.enabled .serviceMonitor.enabled -}}
{{- fail "metrics.podMonitor and metrics.serviceMonitor would both count everything: enable one of them." -}}
{{- end -}}
{{- end -}}
{{- end -}}
