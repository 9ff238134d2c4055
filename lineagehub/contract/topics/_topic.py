"""What a topic is: its name, its key and value, how it is created, who writes and who reads it."""

from __future__ import annotations

from dataclasses import dataclass, field

DAY_MS = 86_400_000
MEBIBYTE = 1_048_576


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic of the contract.

    `name` is the default; a setting may rename it (`KafkaSettings.topic_names`). `config` is the creation configuration, compared
    with the broker's by `lineagehub topics check`. `compacted` topics are read whole into memory by their readers.
    """

    name: str
    key: str
    value: str
    producers: tuple[str, ...]
    consumers: tuple[str, ...]
    partitions: int
    config: dict[str, str] = field(default_factory=dict, hash=False)

    @property
    def compacted(self) -> bool:
        """Whether the broker keeps the last record of each key for ever."""
        return self.config.get("cleanup.policy") == "compact"


def tenant_topic_config(maximum_record_bytes: int = MEBIBYTE) -> dict[str, str]:
    """Return the configuration of topics that tenants may write to.

    `compression.type=uncompressed` makes the broker check the decompressed size, so it refuses compression bombs (60 MB gzip
    bombs: security.md section 1); `LogAppendTime` overrides a forged timestamp; seven days are the guarantee's retention.
    """
    return {
        "cleanup.policy": "delete",
        "retention.ms": str(7 * DAY_MS),
        "max.message.bytes": str(maximum_record_bytes),
        "message.timestamp.type": "LogAppendTime",
        "compression.type": "uncompressed",
    }


def log_topic_config(retention_days: int, maximum_record_bytes: int = 10 * MEBIBYTE) -> dict[str, str]:
    """Return the configuration of the hub's own logs; records hold up to one tenant record and its headers."""
    return {
        "cleanup.policy": "delete",
        "retention.ms": str(retention_days * DAY_MS),
        "max.message.bytes": str(maximum_record_bytes),
        "message.timestamp.type": "LogAppendTime",
    }


def compacted_topic_config() -> dict[str, str]:
    """Return the configuration of topics that are the hub's state: the last record of each key stays."""
    return {"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.1", "segment.ms": str(DAY_MS)}
