"""The end-to-end tests of tests/e2e, word for word, on Apache Kafka: `hub` is this folder's fixture."""

from tests.e2e.test_charging import *  # noqa: F403
from tests.e2e.test_control_life import *  # noqa: F403
from tests.e2e.test_corpus import *  # noqa: F403
from tests.e2e.test_kill_agent import *  # noqa: F403
from tests.e2e.test_kill_telemetry import *  # noqa: F403
from tests.e2e.test_marquez_replay import *  # noqa: F403
from tests.e2e.test_openlineage_python import *  # noqa: F403
from tests.e2e.test_otlp_senders import *  # noqa: F403
from tests.e2e.test_quota_ledger import *  # noqa: F403
from tests.e2e.test_sdk import *  # noqa: F403
from tests.e2e.test_unmodified_clients import *  # noqa: F403
