"""Which tests prove which rows of the catalogue of bad input: F (tenancy), G (rates, quotas), H (Kafka), K (webhooks), M (the SDK).

`path::test` names a test, `path::test[id]` one of its parameters too. A test that is renamed or dropped fails here.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]

AUTHENTICATION = "hub/web/test_authentication.py"
KEY_TEXTS = "hub/auth/test_api_keys.py"
DIRECTORY = "hub/auth/test_directory.py"
DENIALS = "hub/web/test_denials.py"
EVERY_ROUTE = "hub/web/test_every_route.py"
NAMES = "hub/web/test_namespace_names.py"
TOKENS = "hub/auth/test_tokens.py"
PEOPLE = "hub/web/test_people.py"
KEYS = "hub/web/management/test_keys.py"
NAMESPACES = "hub/web/management/test_namespaces.py"
DELETED = "hub/web/management/test_deleted_namespaces.py"
SHARED = "hub/web/management/test_shared_datasets.py"
LIMITS = "hub/web/management/test_limits.py"
CREATION = "hub/web/management/test_creation_over_http.py"
ACTION_RATES = "hub/web/test_action_rates.py"
CONTROL_LIFE = "e2e/test_control_life.py"
VERIFICATION = "agents/processors/test_verification.py"
LINEAGE = "agents/processors/test_lineage_processor.py"
HEADERS = "contract/test_headers.py"
TOPICS = "contract/test_topics.py"
ATTACKS = "real/test_kafka_attacks.py"
REFUSALS = "real/test_kafka_refusals.py"
CORRUPTION = "real/test_kafka_corruption.py"
FORGED_TIMES = "real/test_forged_times.py"
RATE_LIMITER = "hub/quota/test_rate_limiter.py"
RATE_LIMITS = "hub/web/test_rate_limits.py"
RATES_OF_TWO = "hub/web/test_rates_of_two_webs.py"
RATE_ABUSE = "hub/web/test_rate_abuse.py"
CHARGING = "e2e/test_charging.py"
DESTINATIONS = "hub/webhooks/test_destinations.py"
SENDER = "hub/webhooks/test_sender.py"
HOSTILE = "hub/webhooks/test_hostile_webhooks.py"
MESSAGES = "hub/webhooks/test_messages.py"
WEBHOOKS = "hub/web/management/test_webhooks.py"
COURIER = "agents/alerts/test_outbox_and_courier.py"
SDK = "sdk/test_bad_input_of_the_sdk.py"

_UNPROVED = f"{VERIFICATION}::test_a_record_that_nobody_proved_goes_to_the_operator"
_ATTACK = f"{ATTACKS}::test_what_the_broker_takes_is_dead_lettered_with_its_reason_and_nothing_else_is_touched"
_FORGED = f"{TOKENS}::test_a_forged_or_malformed_token_is_refused_without_saying_why"
_GARBAGE = f"{KEY_TEXTS}::test_garbage_is_no_key"
_ELSEWHERE = f"{NAMES}::test_in_a_path_it_is_400_to_whoever_asks"
_TENANT_ONLY = f"{REFUSALS}::test_a_tenant_can_write_to_its_topics_and_do_nothing_else"

PROOFS: dict[str, tuple[str, ...]] = {
    "F01": (
        f"{AUTHENTICATION}::test_without_a_well_formed_key_the_answer_is_401_with_a_challenge",
        f"{AUTHENTICATION}::test_two_authorization_headers_are_refused",
        f"{AUTHENTICATION}::test_a_key_in_the_query_string_is_never_taken",
    ),
    "F02": (
        f"{KEY_TEXTS}::test_one_wrong_character_anywhere_is_no_key",
        f"{AUTHENTICATION}::test_while_the_keys_are_not_read_yet_an_unknown_key_is_503_and_a_mistyped_one_401",
    ),
    "F03": (f"{AUTHENTICATION}::test_guessed_keys_are_each_401_and_leave_nothing_behind",),
    "F04": (
        f"{AUTHENTICATION}::test_expired_and_revoked_keys_are_401",
        f"{KEYS}::test_a_revoked_key_is_dead_at_once_here_and_within_seconds_on_the_other_web",
        f"{KEYS}::test_a_key_expires",
        f"{CONTROL_LIFE}::test_a_running_agent_stores_nothing_that_the_broker_took_later_than_five_seconds_after_the_revocation",
    ),
    "F05": (
        f"{AUTHENTICATION}::test_each_endpoint_with_a_scope_asks_for_exactly_that_scope",
        f"{EVERY_ROUTE}::test_a_writer_reads_and_deletes_nothing_and_a_reader_writes_and_deletes_nothing",
        f"{NAMESPACES}::test_the_role_decides_what_may_be_done_with_the_own_namespace",
        f"{CONTROL_LIFE}::test_a_changed_role_is_in_force_everywhere_and_outlives_the_web_and_the_agent",
    ),
    "F06": (
        f"{EVERY_ROUTE}::test_anothers_is_nowhere_and_is_answered_as_what_does_not_exist",
        f"{EVERY_ROUTE}::test_nothing_of_anothers_is_changed",
        f"{NAMESPACES}::test_another_namespace_is_answered_like_one_that_does_not_exist",
        f"{DENIALS}::test_a_body_and_a_path_that_name_anothers_namespace_are_audited_as_the_callers",
    ),
    "F07": (
        f"{EVERY_ROUTE}::test_no_header_and_no_parameter_switches_the_tenant_of_a_read",
        f"{AUTHENTICATION}::test_the_namespace_is_the_keys_whatever_headers_and_parameters_say",
        f"{PEOPLE}::test_keys_are_taken_beside_tokens_and_the_header_does_not_move_them",
        f"{PEOPLE}::test_a_namespace_that_is_not_the_persons_is_403_with_one_answer_whether_it_exists_or_not",
    ),
    "F08": (
        "contract/test_namespaces.py::test_anything_else_is_refused[../etc]",
        f"{_ELSEWHERE}[a traversal]",
        f"{_ELSEWHERE}[NUL and another's]",
        f"{_ELSEWHERE}[256 characters]",
        f"{_ELSEWHERE}[upper case]",
        f"{NAMES}::test_a_raw_path_is_never_resolved_to_another_namespace",
        f"{NAMES}::test_in_a_query_it_names_nobody",
        f"{NAMESPACES}::test_a_path_that_names_no_namespace_is_refused",
        f"{NAMESPACES}::test_what_is_no_namespace_is_422_with_its_pointer",
    ),
    "F09": (
        f"{_ELSEWHERE}[a line break]",
        f"{NAMES}::test_in_the_header_it_is_refused[a line break]",
        f"{NAMES}::test_in_a_body_it_is_refused_and_nothing_is_written[a line break]",
        f"{NAMES}::test_in_a_query_it_names_nobody[a line break]",
    ),
    "F10": (
        f"{AUTHENTICATION}::test_keys_that_are_unknown_mistyped_or_padded_are_401_and_never_echoed",
        f"{_GARBAGE}[nulls]",
        f"{_GARBAGE}[endless]",
        f"{_GARBAGE}[wide digits]",
        f"{_GARBAGE}[space behind]",
        f"{DIRECTORY}::test_what_is_too_long_for_a_key_is_not_even_hashed",
    ),
    "F11": (
        f"{_FORGED}[alg none]",
        f"{_FORGED}[HS256 with the public key's PEM]",
        f"{_FORGED}[a key id that is a path]",
        f"{_FORGED}[jku]",
        f"{_FORGED}[x5u]",
        f"{TOKENS}::test_a_token_of_the_issuer_that_is_not_for_this_hub_or_this_time_is_refused_and_its_holder_hears_which_claim",
        f"{PEOPLE}::test_forged_tokens_are_401_over_http_whatever_they_say",
    ),
    "F12": (
        f"{DIRECTORY}::test_a_guess_runs_the_same_instructions_however_much_of_a_key_it_has_right",
        f"{DIRECTORY}::test_a_signature_is_compared_whole_and_in_constant_time",
    ),
    "F13": (
        f"{KEYS}::test_an_owner_cannot_lock_himself_out_and_the_operator_can",
        f"{KEYS}::test_of_the_last_two_owners_who_revoke_each_other_at_once_one_stays_at_least",
        f"{KEYS}::test_nobody_issues_a_role_above_his_own",
        f"{NAMESPACES}::test_another_namespace_is_answered_like_one_that_does_not_exist",
    ),
    "F14": (
        f"{DELETED}::test_nothing_of_a_deleted_namespace_is_left_for_the_one_made_again",
        f"{AUTHENTICATION}::test_a_key_of_a_deleted_and_recreated_namespace_is_401",
        "e2e/test_tenancy.py::test_the_life_of_a_namespace_and_its_keys",
        f"{CONTROL_LIFE}::test_a_namespace_made_again_shows_nothing_of_what_lay_unread_when_the_former_was_deleted",
    ),
    "F15": (
        f"{SHARED}::test_what_is_not_shared_is_answered_like_what_does_not_exist",
        f"{SHARED}::test_what_is_no_longer_shared_is_gone_from_every_web_within_seconds",
        f"{SHARED}::test_a_shared_dataset_is_found_and_what_its_owner_makes_of_it_is_redacted",
        f"{SHARED}::test_how_much_is_hidden_changes_no_byte_of_any_answer",
    ),
    "G01": (
        f"{RATE_ABUSE}::test_of_twice_the_rate_for_ten_seconds_the_rate_and_the_burst_are_taken_and_the_rest_hears_when",
        f"{RATE_LIMITS}::test_above_the_rate_a_route_answers_what_its_clients_send_again_and_takes_it_after_retry_after",
        f"{RATES_OF_TWO}::test_two_webs_share_a_rate_and_a_stopped_or_killed_one_gives_its_share_back",
    ),
    "G02": (
        f"{RATE_LIMITS}::test_the_items_of_a_batch_are_charged_and_a_batch_above_the_burst_is_413_for_ever",
        f"{RATE_LIMITER}::test_a_batch_larger_than_the_burst_is_told_so_however_long_it_waits",
    ),
    "G03": (
        f"{RATE_ABUSE}::test_a_clock_on_the_wall_that_jumps_an_hour_gives_no_burst_and_takes_no_rate",
        f"{RATE_LIMITER}::test_the_clock_is_monotonic_and_no_other_is_asked",
    ),
    "G04": (
        f"{FORGED_TIMES}::test_an_event_under_a_forged_time_counts_today[1970]",
        f"{TOPICS}::test_the_broker_refuses_compression_bombs_and_forged_timestamps_on_tenant_topics",
    ),
    "G05": (
        f"{CHARGING}::test_what_is_refused_is_not_charged_a_dead_letter_is_once_and_a_duplicate_never",
        f"{RATE_LIMITS}::test_what_is_refused_for_itself_is_not_charged",
    ),
    "G06": (
        f"{ACTION_RATES}::test_of_ten_thousand_in_a_minute_the_burst_and_a_minutes_worth_are_made_and_who_waits_as_told_is_served",
        f"{ACTION_RATES}::test_callers_that_are_remembered_are_bounded_and_those_who_make_most_are_kept",
        f"{CREATION}::test_namespaces_beyond_the_burst_are_429_and_leave_nothing_in_memory_or_audit",
        f"{CREATION}::test_keys_beyond_the_burst_are_429_for_the_whole_namespace_rotation_included_and_for_no_other",
    ),
    "G07": (
        f"{LIMITS}::test_what_is_no_limit_is_422_with_its_pointer",
        f"{LIMITS}::test_a_limit_is_in_force_with_its_origin_and_leaving_it_out_gives_the_default_back",
        f"{RATE_ABUSE}::test_a_limit_of_zero_rejects_all_for_an_hour_at_a_time_until_it_is_raised[events_per_day]",
    ),
    "G08": (f"{CHARGING}::test_a_signed_record_that_is_replayed_is_a_duplicate_and_is_not_charged_again",),
    "H01": (f"{_UNPROVED}[no headers]", f"{_ATTACK}[H01 unsigned]"),
    "H02": (
        f"{_UNPROVED}[another body]",
        f"{_UNPROVED}[another topic]",
        f"{_UNPROVED}[another event id]",
        f"{_ATTACK}[H02 another body]",
        f"{_ATTACK}[H02 another topic]",
        f"{_ATTACK}[H02 an honest key id]",
        f"{HEADERS}::test_the_signature_binds_topic_value_and_key",
    ),
    "H03": (
        f"{_UNPROVED}[a key that nobody knows]",
        f"{_UNPROVED}[a namespace that is not the key's]",
        f"{_ATTACK}[H03 an unknown key]",
        f"{_ATTACK}[H03 another's name written over]",
        f"{_ATTACK}[H03 another's name signed]",
        f"{ATTACKS}::test_a_revoked_key_is_refused_from_its_revocation_on",
        f"{VERIFICATION}::test_a_key_is_judged_at_the_brokers_time_so_that_a_backlog_still_counts",
        f"{CONTROL_LIFE}::test_what_lies_unread_is_stored_if_its_key_was_live_when_the_broker_took_it_and_dead_lettered_if_not",
    ),
    "H04": (
        f"{_UNPROVED}[signed more than a day before]",
        f"{_UNPROVED}[signed more than ten minutes ahead]",
        f"{VERIFICATION}::test_the_bounds_of_the_clock_are_inside",
        f"{_ATTACK}[H04 signed 25 hours ago]",
        f"{_ATTACK}[H04 signed in 11 minutes]",
    ),
    "H05": (f"{_UNPROVED}[a null value]", f"{_ATTACK}[H05 a tombstone]", f"{_ATTACK}[H05 a signed tombstone]"),
    "H06": (
        f"{_UNPROVED}[100,000 headers]",
        f"{_UNPROVED}[a field twice]",
        f"{HEADERS}::test_what_is_no_envelope_is_told_apart",
        f"{_ATTACK}[H06 100,000 headers]",
        f"{_ATTACK}[H06 another lh-ns behind]",
        f"{_ATTACK}[H06 a line break]",
    ),
    "H07": (
        f"{_ATTACK}[H07 a key that is no text]",
        f"{_ATTACK}[H07 a key of 1 MB]",
        f"{ATTACKS}::test_a_key_of_the_record_decides_nothing",
    ),
    "H08": (
        f"{TOPICS}::test_the_broker_refuses_compression_bombs_and_forged_timestamps_on_tenant_topics",
        f"{REFUSALS}::test_the_broker_refuses_a_compression_bomb",
        f"{REFUSALS}::test_the_same_bomb_passes_where_the_broker_leaves_compression_to_the_producer",
    ),
    "H09": (
        f"{CORRUPTION}::test_a_batch_that_is_damaged_on_disk_stops_its_agent_until_an_operator_skips_it",
        f"{REFUSALS}::test_the_broker_refuses_a_batch_with_a_wrong_checksum_and_one_that_is_too_large",
    ),
    "H10": (
        "sdk/test_kafka_transport.py::test_a_record_larger_than_the_topic_takes_costs_no_other",
        f"{REFUSALS}::test_the_broker_refuses_a_batch_with_a_wrong_checksum_and_one_that_is_too_large",
        f"{_ATTACK}[H10 as large as the topic takes]",
    ),
    "H11": (
        f"{LINEAGE}::test_what_is_no_json_object_is_refused_whoever_signed_it",
        f"{LINEAGE}::test_a_tenants_event_that_is_no_openlineage_is_refused_with_the_place_of_its_fault",
        f"{_ATTACK}[H11 no JSON]",
        f"{_ATTACK}[H11 no event]",
    ),
    "H12": (f"{_UNPROVED}[another version]", f"{_ATTACK}[H12 version 9]"),
    "H13": (_TENANT_ONLY, f"{REFUSALS}::test_a_wrong_password_opens_nothing"),
    "H14": (f"{REFUSALS}::test_who_floods_is_delayed_by_the_broker_and_delays_nobody_else",),
    "H15": (f"{REFUSALS}::test_a_tenant_cannot_open_a_transaction_and_one_that_stays_open_delays_nobody",),
    "H16": (_TENANT_ONLY,),
    "K01": (
        f"{DESTINATIONS}::test_nothing_but_https_on_443_of_a_public_host_is_a_destination",
        f"{DESTINATIONS}::test_no_address_of_the_inside_is_a_destination_though_it_is_https_on_443",
        f"{WEBHOOKS}::test_where_no_webhook_may_lead_is_refused_when_it_is_saved",
        f"{SENDER}::test_what_may_not_be_saved_is_not_sent_to_either",
        f"{COURIER}::test_what_a_webhook_refuses_or_may_not_lead_to_is_not_sent_again",
    ),
    "K02": (
        f"{SENDER}::test_a_public_name_with_an_address_inside_is_not_connected_to",
        f"{SENDER}::test_a_name_that_leads_inside_after_it_was_saved_is_not_connected_to",
        f"{SENDER}::test_the_connection_goes_to_the_address_that_was_looked_at_and_the_name_is_asked_for_once",
        f"{HOSTILE}::test_a_name_that_leads_inside_only_once_the_connection_is_made_is_not_connected_to",
    ),
    "K03": (f"{SENDER}::test_a_redirect_is_not_followed",),
    "K04": (
        f"{DESTINATIONS}::test_nothing_but_https_on_443_of_a_public_host_is_a_destination",
        f"{DESTINATIONS}::test_where_hosts_are_listed_there_are_no_others",
        f"{WEBHOOKS}::test_where_no_webhook_may_lead_is_refused_when_it_is_saved",
    ),
    "K05": (
        f"{HOSTILE}::test_of_a_body_of_1_gb_nothing_is_read_and_the_connection_is_closed",
        f"{HOSTILE}::test_a_body_that_drips_for_ever_is_not_waited_for",
        f"{HOSTILE}::test_a_head_that_drips_is_given_up_at_the_deadline_of_the_whole_request",
        f"{WEBHOOKS}::test_a_test_message_is_sent_to_each_and_what_became_of_it_is_said_without_what_was_answered",
    ),
    "K06": (f"{MESSAGES}::test_no_text_is_markup_or_a_mention_in_slacks_form",),
    "K07": (
        f"{COURIER}::test_a_storm_of_ten_thousand_alerts_is_one_message",
        f"{COURIER}::test_the_first_alert_is_sent_at_once_and_those_of_the_minute_after_it_together",
        f"{COURIER}::test_a_burst_is_new_once_an_hour",
        f"{MESSAGES}::test_a_storm_is_one_message_that_says_how_many_more_there_are",
    ),
    "M01": (
        f"{SDK}::test_m01_a_value_that_json_does_not_know_costs_neither_the_pipeline_nor_its_event",
        f"{SDK}::test_m01_a_dict_that_holds_itself_ends_somewhere",
        f"{SDK}::test_m01_what_is_no_event_is_dropped_and_counted",
    ),
    "M02": (
        f"{SDK}::test_m02_a_spool_that_cannot_be_used_leaves_bounded_memory_and_one_warning",
        f"{SDK}::test_m02_a_full_spool_leaves_bounded_memory_and_what_is_on_disk_goes_first",
        f"{SDK}::test_m02_a_segment_that_is_a_link_is_not_read_and_files_are_0600",
    ),
    "M03": (f"{SDK}::test_m03_of_a_damaged_segment_the_good_records_are_sent_and_the_others_kept_aside",),
    "M04": (
        f"{SDK}::test_m04_a_useless_answer_keeps_the_events_and_is_asked_again_after_our_own_pause",
        f"{SDK}::test_m04_a_wait_is_clamped_to_1_to_3600_seconds",
    ),
    "M05": (f"{SDK}::test_m05_a_redirect_is_not_followed_so_the_key_goes_nowhere_else",),
    "M06": (f"{SDK}::test_m06_a_certificate_that_is_not_trusted_is_refused_unless_explicitly_off",),
    "M07": (
        f"{SDK}::test_m07_a_fork_after_the_start_an_exit_during_a_flush_and_a_kill_lose_and_double_nothing",
        "e2e/test_sdk_spool.py::test_what_a_pipeline_wrote_before_kill_9_without_a_hub_arrives_once_when_there_is_one",
        "sdk/test_forked_workers.py::test_20_000_events_of_8_forked_workers_with_4_threads_each_arrive_once",
    ),
}

ROWS = [
    f"{section}{row:02}"
    for section, last in (("F", 15), ("G", 8), ("H", 16), ("K", 7), ("M", 7))
    for row in range(1, last + 1)
]


def test_every_row_has_a_proof_and_no_other_row_is_claimed() -> None:
    assert list(PROOFS) == ROWS
    assert all(PROOFS.values())


@pytest.mark.parametrize("row", ROWS)
def test_what_proves_a_row_is_there(row: str) -> None:
    for proof in PROOFS[row]:
        path, _, rest = proof.partition("::")
        test, _, parameter = rest.removesuffix("]").partition("[")
        tests, texts = _tests_and_texts(TESTS / path)
        assert test in tests, f"{path} has no {test}"
        assert not parameter or parameter in texts, f"{path} has nothing that is called {parameter!r}"


def test_a_proof_that_is_not_there_is_seen() -> None:
    tests, texts = _tests_and_texts(Path(__file__))
    assert test_what_proves_a_row_is_there.__name__ in tests
    assert "_tests_and_texts" not in tests
    assert "no such " + "text" not in texts


@cache
def _tests_and_texts(path: Path) -> tuple[frozenset[str], frozenset[str]]:
    """Return the names of a file's tests, and every literal text in it: ids of parameters are such."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    functions = {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    texts = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return frozenset(name for name in functions if name.startswith("test_")), frozenset(texts)
