"""Rules that span several settings, asked for by the commands they matter to.

`config show` and `doctor` work with any settings that parse; a role that would spend money or open a
socket first asks here. Each rule raises `ConfigurationError` with one sentence that says what to set.
"""

from collections.abc import Iterable
from urllib.parse import urlsplit

from equal_stream.errors import ConfigurationError
from equal_stream.settings import Settings
from equal_stream.settings_keys import environment_name

STORE_ROLES = ("embedder", "allocator")  # these read and write passages; the clusterer only the log


def require_transport_ready(settings: Settings) -> None:
    """Require what the chosen transport needs before anything connects."""
    kafka = settings.kafka
    if settings.transport != "kafka":
        if kafka.bootstrap_servers and "transport" not in settings.model_fields_set:
            raise ConfigurationError(
                "kafka.bootstrap_servers is set, but transport is not; set transport to kafka to use the "
                "broker, or to embedded to do without"
            )
        return
    servers = [server.strip() for server in kafka.bootstrap_servers.split(",")]
    if not kafka.bootstrap_servers.strip():
        raise ConfigurationError(
            "transport is kafka, but no broker is named; "
            f"set kafka.bootstrap_servers ({environment_name(('kafka', 'bootstrap_servers'))}) to host:port"
        )
    for server in servers:
        host, _, port = server.rpartition(":")
        if not host or not port.isdecimal():
            raise ConfigurationError(
                f'kafka.bootstrap_servers holds "{server}"; expected host:port, comma-separated'
            )
    _require_kafka_security(settings)


def _require_kafka_security(settings: Settings) -> None:
    kafka = settings.kafka
    if kafka.security_protocol.startswith("SASL"):
        if kafka.sasl_mechanism is None:
            raise ConfigurationError(
                f"kafka.security_protocol is {kafka.security_protocol}, but kafka.sasl_mechanism is not set; "
                "set it to PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, GSSAPI or OAUTHBEARER"
            )
        if kafka.sasl_mechanism.startswith(("PLAIN", "SCRAM")) and not (
            kafka.sasl_plain_username and kafka.sasl_plain_password
        ):
            raise ConfigurationError(
                f"kafka.sasl_mechanism {kafka.sasl_mechanism} needs kafka.sasl_plain_username "
                "and kafka.sasl_plain_password"
            )
    for name in ("ssl_cafile", "ssl_certfile", "ssl_keyfile", "ssl_crlfile"):
        path = getattr(kafka, name)
        if path is not None and not path.is_file():
            raise ConfigurationError(f"kafka.{name} names {path}, which is not a file")


def require_store_ready(settings: Settings) -> None:
    """Require that what the connection to the store needs is there."""
    path = settings.store.ca_file
    if path is not None and not path.is_file():
        raise ConfigurationError(f"store.ca_file names {path}, which is not a file")
    if path is not None and not settings.store.url.startswith("https://"):
        raise ConfigurationError(
            f'store.ca_file is set, but store.url is "{settings.store.url}", which is no TLS; '
            "begin it with https://, or leave store.ca_file out"
        )


def require_llm_ready(settings: Settings) -> None:
    """Require everything that bounds what an LLM may cost; without an endpoint nothing is asked.

    Unknown prices refuse to start instead of counting as zero; an endpoint that is free says so with 0.
    """
    llm, budget = settings.llm, settings.budget
    if not llm.base_url:
        if llm.model:
            raise ConfigurationError(
                f'llm.model is "{llm.model}", but llm.base_url is empty; name the OpenAI-compatible '
                "endpoint, or drop the model to take pairs only from pages that carry their own questions"
            )
        return
    if urlsplit(llm.base_url).scheme not in {"http", "https"}:
        raise ConfigurationError("llm.base_url must begin with http:// or https://")
    if not llm.model:
        raise ConfigurationError("llm.base_url is set, but llm.model is not; name the model to ask")
    for name in ("in_mtok_cost", "out_mtok_cost"):
        if getattr(llm, name) is None:
            raise ConfigurationError(
                f"llm.{name} is not set, so spending could not be counted; "
                "give the price in USD per million tokens, 0 when calls are free"
            )
    if budget.usd_total is None and budget.tokens_total is None:
        raise ConfigurationError(
            "an LLM is configured without a total cap; set budget.usd_total or budget.tokens_total"
        )


def require_passages_ready(settings: Settings) -> None:
    """Require passage lengths that fit into each other."""
    passages = settings.passages
    if not passages.min_tokens <= passages.target_tokens <= passages.max_tokens:
        raise ConfigurationError(
            "passages need min_tokens <= target_tokens <= max_tokens, but they are "
            f"{passages.min_tokens}, {passages.target_tokens} and {passages.max_tokens}"
        )


def require_role_ready(settings: Settings, role: str) -> None:
    """Require all that one role, run as a process of its own, needs."""
    require_transport_ready(settings)
    require_store_ready(settings)
    if role == "embedder":
        require_passages_ready(settings)
    if role == "allocator":
        require_llm_ready(settings)
    if role in STORE_ROLES and not settings.store.url and not settings.ray.address:
        raise ConfigurationError(
            f"the {role} as a process of its own shares the store with other roles; set store.url to a "
            "Qdrant server, or ray.address to the Ray cluster that owns the embedded store"
        )


def problems(
    settings: Settings, rules: Iterable[str] = ("transport", "store", "passages", "llm")
) -> list[str]:
    """Return the sentences of all rules that do not hold, for `config validate`."""
    checks = {
        "transport": require_transport_ready,
        "store": require_store_ready,
        "passages": require_passages_ready,
        "llm": require_llm_ready,
    }
    found = []
    for rule in rules:
        try:
            checks[rule](settings)
        except ConfigurationError as error:
            found.append(str(error))
    return found
