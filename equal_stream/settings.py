"""All settings in one tree: flags > environment > YAML file > defaults.

Environment names are `EQUAL_STREAM_` + the path with `__` between levels, such as
`EQUAL_STREAM_LLM__BASE_URL`. Unknown keys are an error that names the nearest valid key (see
`settings_sources`). Secrets are `SecretStr` and are never printed.
"""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator
from pydantic_core import PydanticCustomError

from equal_stream.messages import MOST_TOKENS, MOST_USD


class Group(BaseModel):
    """A branch of the tree; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False)


def _fit_for_a_header(key: SecretStr | None) -> SecretStr | None:
    """Refuse a key that no HTTP header can carry: HTTP clients repeat such a key in their error."""
    text = "" if key is None else key.get_secret_value()
    if text != text.strip() or not (text.isascii() and text.isprintable()):
        raise PydanticCustomError(
            "header_text",
            "printable ASCII without a space or a line break at its ends (a file that holds a key often ends "
            "in one)",
        )
    return key


class TopicSettings(Group):
    """Topics: names and sizes."""

    prefix: str = Field("", pattern=r"^[A-Za-z0-9._-]*$", description="Goes before every topic name.")
    replication_factor: int = Field(-1, description="-1: the broker's default.")
    partitions: dict[str, int] = Field(
        default_factory=dict, description="Partition counts that differ, by topic."
    )


class KafkaSettings(Group):
    """The broker; security options carry kafka-python's own names."""

    bootstrap_servers: str = Field("", description="host:port, comma-separated.")
    client_id: str = "equal-stream"
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "GSSAPI", "OAUTHBEARER"] | None = None
    sasl_plain_username: str | None = None
    sasl_plain_password: SecretStr | None = None
    sasl_kerberos_service_name: str = "kafka"
    sasl_kerberos_domain_name: str | None = None
    sasl_oauth_token_provider: str | None = Field(
        None, description="package.module:Class of an AbstractTokenProvider, for OAUTHBEARER."
    )
    ssl_check_hostname: bool = True
    ssl_cafile: Path | None = None
    ssl_certfile: Path | None = None
    ssl_keyfile: Path | None = None
    ssl_password: SecretStr | None = None
    ssl_crlfile: Path | None = None
    ssl_ciphers: str | None = None
    session_timeout_ms: int = Field(45_000, gt=0)
    max_poll_interval_ms: int = Field(600_000, gt=0)
    transaction_timeout_ms: int = Field(60_000, gt=0)


class StoreSettings(Group):
    """The vector store; an empty URL means the embedded EdgeShard under the data directory."""

    url: str = ""
    api_key: SecretStr | None = None
    ca_file: Path | None = Field(
        None, description="PEM of the authority that signed the server's certificate; default: the system's."
    )
    prefer_grpc: bool = False
    prefix: str = Field("", description="Goes before collection names.")
    passages: str = Field(
        "passages",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$",
        description="The collection of passages; another one for another encoder.",
    )
    timeout_seconds: float = Field(30.0, gt=0)

    _header = field_validator("api_key")(_fit_for_a_header)

    @field_validator("passages")
    @classmethod
    def _not_the_documents(cls, name: str) -> str:
        if name == "documents":
            raise ValueError('"documents" is the collection of fingerprints; choose another name')
        return name


class RaySettings(Group):
    """The Ray cluster; an empty address means one on this machine."""

    address: str = ""
    namespace: str = "equal-stream"


class EmbeddingSettings(Group):
    """The encoder and what it is fed."""

    model: str = Field("all-MiniLM-L6-v2", description="A sentence-transformers model: name or directory.")
    device: str = Field("auto", description="auto, cpu, cuda, cuda:0 …")
    precision: Literal["auto", "bf16", "fp32"] = Field(
        "auto", description="auto: bf16 where the CPU or GPU has it."
    )
    batch_size: int = Field(16, gt=0, description="Passages a forward pass; 8-16 is best on a CPU.")
    threads: int = Field(1, gt=0, description="Torch threads a process; run one process a core.")
    poll_records: int = Field(64, gt=0, description="Crawl records handled and committed together.")


class PassageSettings(Group):
    """How documents are cut into passages, in encoder tokens."""

    target_tokens: int = Field(200, gt=0)
    max_tokens: int = Field(256, gt=0)
    min_tokens: int = Field(8, ge=0, description="Documents shorter than this are filtered.")
    max_document_characters: int = Field(2_000_000, gt=0)
    languages: list[str] = Field(default_factory=list, description="ISO 639-1 codes to keep; empty: all.")
    near_duplicate_similarity: float = Field(0.85, gt=0, le=1, description="Estimated Jaccard similarity.")


class ClusteringSettings(Group):
    """The clusterer."""

    algorithm: str = Field("evolving", description="A name in equal_stream.clustering.registry.")
    max_clusters: int = Field(256, gt=1)
    seed: int = Field(0, ge=0)
    poll_records: int = Field(
        16_384,
        gt=0,
        description="Most passages taken and committed together, when there is a backlog; some 150 MB.",
    )


class AllocationSettings(Group):
    """How the budget is spent."""

    policy: str = Field("calibrated", description="A name in equal_stream.allocation.policy.registry.")
    exploration: float = Field(
        0.03, ge=0, le=1, description="Share of tickets drawn at random, for off-policy use."
    )
    reserve_gain_per_usd: float = Field(
        0.0, ge=0, description="Below this predicted gain per USD nothing is bought."
    )
    coverage_halflife_days: float | None = Field(
        None,
        gt=0,
        description="Days after which a published pair covers half of what it did, so that what changes is "
        "bought anew; unset: coverage does not fade.",
    )
    max_candidates: int = Field(1_000_000, gt=0)
    max_attempts: int = Field(2, gt=0, description="Tickets a passage may get when its calls fail.")
    max_tickets_per_minute: int | None = Field(
        None, gt=0, description="Spreads the budget over time; unset: as fast as the LLM's limits allow."
    )
    snapshot_seconds: float = Field(5.0, gt=0)
    tick_seconds: float = Field(0.25, gt=0)
    seed: int = Field(0, ge=0)


class BudgetSettings(Group):
    """The caps; unset means no such cap, and an LLM needs at least one total."""

    usd_total: float | None = Field(None, ge=0, le=MOST_USD)
    usd_per_hour: float | None = Field(None, ge=0, le=MOST_USD)
    tokens_total: int | None = Field(None, ge=0, le=MOST_TOKENS)
    tokens_per_hour: int | None = Field(None, ge=0, le=MOST_TOKENS)


class LLMSettings(Group):
    """The OpenAI-compatible endpoint; without `base_url`, pages that carry questions yield the pairs."""

    base_url: str = ""
    model: str = ""
    api_key: SecretStr | None = None
    in_mtok_cost: float | None = Field(None, ge=0, description="USD per million input tokens.")
    out_mtok_cost: float | None = Field(None, ge=0, description="USD per million output tokens.")
    max_concurrent_requests: int = Field(8, gt=0)
    max_requests_per_minute: int | None = Field(None, gt=0)
    max_tokens_per_minute: int | None = Field(None, gt=0)
    timeout_seconds: float = Field(120.0, gt=0)
    max_output_tokens: int = Field(1024, gt=0)
    max_retries: int = Field(5, ge=0, description="Retries of calls that were certainly not billed.")
    temperature: float | None = Field(None, ge=0)

    _header = field_validator("api_key")(_fit_for_a_header)


class ExtractionSettings(Group):
    """What is asked of a passage and what a pair must satisfy."""

    max_pairs: int = Field(5, gt=0, description="Pairs asked for in one call.")
    workers: int = Field(1, gt=0, description="Ray extraction workers; each runs many calls at once.")
    min_evidence_characters: int = Field(12, gt=0)
    max_answer_characters: int = Field(4_000, gt=0)
    protected: list[Path] = Field(
        default_factory=list,
        description="JSONL(.gz) files of evaluation questions that no published pair may give away.",
    )


class ObservabilitySettings(Group):
    """Logs, metrics and probes."""

    host: str = Field("127.0.0.1", description="Address of /metrics, /healthz and /readyz; 0.0.0.0 in a pod.")
    port: int = Field(0, ge=0, le=65535, description="0: any free port, written to the data directory.")
    stalled_seconds: float = Field(
        300.0,
        gt=0,
        description="A loop that is silent for longer fails /healthz; the longest batch must fit in.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["auto", "json", "console"] = "auto"


class Settings(Group):
    """The whole tree."""

    transport: Literal["embedded", "kafka"] = "embedded"
    data_dir: Path = Path("data")
    topics: TopicSettings = TopicSettings()
    kafka: KafkaSettings = KafkaSettings()
    store: StoreSettings = StoreSettings()
    ray: RaySettings = RaySettings()
    embedding: EmbeddingSettings = EmbeddingSettings()
    passages: PassageSettings = PassageSettings()
    clustering: ClusteringSettings = ClusteringSettings()
    allocation: AllocationSettings = AllocationSettings()
    budget: BudgetSettings = BudgetSettings()
    llm: LLMSettings = LLMSettings()
    extraction: ExtractionSettings = ExtractionSettings()
    observability: ObservabilitySettings = ObservabilitySettings()
