"""A plugin for pytest that runs the official client's own tests against `segment_gevent.analytics`.

It stands in for `segment.analytics` before the tests are imported, and leaves out those listed here: each looks at
something that has no counterpart, and the reason says what, and which tests of ours show the behaviour.
"""

from __future__ import annotations

import sys
from types import ModuleType
from unittest import mock

import pytest

import segment_gevent.analytics
import segment_gevent.analytics.client
import segment_gevent.analytics.request
import segment_gevent.analytics.version

LEFT_OUT = {
    "its thread's retries, one method at a time; delivery/test_retry.py and test_sender.py show ours": """
        test_consumer.test_request_retry
        test_consumer.test_retry_count_header_increments
        test_consumer.test_non_retryable_4xx_status_codes
        test_consumer.test_retryable_4xx_status_codes
        test_consumer.test_non_retryable_5xx_status_codes
        test_consumer.test_retryable_5xx_status_codes
        test_consumer.test_exponential_backoff_with_jitter
        test_consumer.test_fatal_error_not_retried
        test_consumer.test_max_retries_exhausted
        test_consumer.test_first_request_has_retry_count_zero
        test_consumer.test_network_error_retried_with_backoff
        test_consumer.test_511_not_retryable_without_oauth
        test_consumer.test_511_retryable_with_oauth
        test_consumer.test_413_payload_too_large_not_retried
        test_consumer.test_t19_max_total_backoff_duration
        test_consumer.test_max_total_backoff_duration_zero_prevents_retry
        test_consumer.test_410_and_460_retried
        test_consumer.test_505_not_retried
        test_consumer.test_retries_exhausted_calls_on_error
    """,
    "its thread's rate limits, one method at a time; delivery/test_sender_limits.py shows ours": """
        test_consumer.test_429_sets_rate_limit_state_with_retry_after
        test_consumer.test_retry_after_capped_at_max_retry_after_seconds
        test_consumer.test_a_wait_that_will_not_fit_the_budget_drops_instead_of_shortening
        test_consumer.test_a_wait_that_fits_the_budget_is_honoured_in_full
        test_consumer.test_408_and_503_without_retry_after_use_backoff
        test_consumer.test_503_with_retry_after_sets_rate_limit_state
        test_consumer.test_529_with_retry_after_sets_rate_limit_state
        test_consumer.test_stale_rate_limit_state_does_not_misroute_later_errors
        test_consumer.test_rate_limit_wait_is_interruptible
        test_consumer.test_429_without_retry_after_uses_counted_backoff
        test_consumer.test_408_without_retry_after_uses_backoff
        test_consumer.test_429_with_retry_after_does_not_count_against_backoff_budget
        test_consumer.test_t04_429_halts_upload_iteration
        test_consumer.test_429_without_retry_after_does_not_requeue_batch
        test_consumer.test_retry_after_zero_uses_counted_backoff
        test_consumer.test_t20_max_rate_limit_duration
        test_consumer.test_rate_limit_state_cleared_on_success
        test_consumer.test_retry_after_zero_does_not_trigger_pipeline_blocking
        test_consumer.test_queue_full_during_429_requeue_calls_on_error
        test_consumer.test_parse_retry_after_http_date_in_past_returns_none
        test_consumer.test_default_rate_limit_budget_exceeds_the_retry_after_cap
        test_consumer.test_client_defaults_to_the_documented_rate_limit_budget
        test_consumer.test_non_rate_limited_failure_ends_the_episode
        test_consumer.test_batch_after_an_ended_episode_is_still_sent
    """,
    "its thread's queue and batches, method by method; delivery/test_flusher.py, events/test_batch.py show ours": """
        test_consumer.test_next
        test_consumer.test_next_limit
        test_consumer.test_dropping_oversize_msg
        test_consumer.test_upload
        test_consumer.test_upload_interval
        test_consumer.test_multiple_uploads_per_interval
        test_consumer.test_request
        test_consumer.test_pause
        test_consumer.test_max_batch_size
        test_consumer.test_proxies
        test_consumer.test_shutdown_during_backoff_requeues_instead_of_dropping
    """,
    "its function that posts; delivery/test_transport.py, test_sender.py and test_authorization.py show ours": """
        test_request.test_valid_request
        test_request.test_invalid_request_error
        test_request.test_invalid_host
        test_request.test_should_not_timeout
        test_request.test_should_timeout
        test_request.test_proxies
        test_request.test_authorization_header_basic_auth
        test_request.test_authorization_header_oauth
        test_request.test_x_retry_count_header
        test_request.test_non_200_2xx_treated_as_success
        test_request.test_3xx_is_not_success
        test_request.test_oauth_token_cleared_on_511
        test_request.test_api_error_includes_response
        test_request.test_non_object_json_body_raises_apierror_not_typeerror
    """,
    "its function that reads Retry-After; delivery/test_answers.py shows ours": """
        test_request.test_parse_retry_after_integer
        test_request.test_parse_retry_after_capped
        test_request.test_parse_retry_after_missing
        test_request.test_parse_retry_after_invalid
        test_request.test_parse_retry_after_http_date_future
        test_request.test_parse_retry_after_http_date_past
    """,
    "its JSON encoder; events/test_encoding.py shows ours": """
        test_request.test_datetime_serialization
        test_request.test_date_serialization
    """,
    "patches requests.Session.post, which nothing here calls; delivery/oauth/test_token_source.py shows ours": """
        test_oauth.test_oauth_success
        test_oauth.test_oauth_fail_unrecoverably
        test_oauth.test_oauth_fail_with_retries
        test_oauth.test_oauth_rate_limit_delay
        test_oauth.test_oauth_integration_success
        test_oauth.test_oauth_integration_failure
        test_oauth.test_oauth_integration_recovery
        test_oauth.test_oauth_integration_fail_bad_key
    """,
    "its functions that clean values and guess zones; events/test_encoding.py, analytics/test_message.py show ours": """
        test_utils.test_timezone_utils
        test_utils.test_clean
        test_utils.test_clean_with_dates
        test_utils.test_bytes
        test_utils.test_clean_fn
        test_utils.test_remove_slash
    """,
    "patches its function that posts; analytics/test_options.py shows the options": """
        test_client.test_proxies
        test_client.test_user_defined_upload_size
    """,
    "looks at each of its threads, and here is none; analytics/test_options.py shows the options": """
        test_client.test_user_defined_timeout
        test_client.test_default_timeout_15
        test_init.test_max_retries
    """,
}
REASON = {name: reason for reason, names in LEFT_OUT.items() for name in names.split()}


class Missing:
    """A name of the official client's inner modules: tests may import it, and fail if they use it."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, *_: object, **__: object) -> object:
        raise NotImplementedError(self.name)


class Inner(ModuleType):
    """One of the official client's modules, with what we have of it."""

    def __init__(self, name: str, ours: ModuleType | None = None) -> None:
        super().__init__(f"segment.analytics.{name}")
        self.ours = ours

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.ours, name, Missing(name))


def stand_in() -> None:
    """`segment.analytics` is ours from now on; `mock` is the standard library's."""
    ours = segment_gevent.analytics
    segment = ModuleType("segment")
    segment.__path__ = []
    segment.analytics = ours
    inner = {name: Inner(name) for name in ("consumer", "oauth_manager", "utils")}
    inner |= {"client": ours.client, "version": ours.version, "request": Inner("request", ours.request)}
    sys.modules |= {"mock": mock, "segment": segment, "segment.analytics": ours}
    sys.modules |= {f"segment.analytics.{name}": module for name, module in inner.items()}
    sys.modules["segment_gevent.analytics.utils"] = inner["utils"]  # where `from segment.analytics import utils` looks


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what is listed; a name on the list that no test has any more is an error."""
    names = {f"{item.path.stem}.{item.name}": item for item in items}
    if gone := REASON.keys() - names.keys():
        raise pytest.UsageError(f"no such tests: {sorted(gone)}")
    for name, reason in REASON.items():
        names[name].add_marker(pytest.mark.skip(reason=reason))


stand_in()
