resource "concord_session_policy" "this" {
  idle_timeout = "20m"
  lifetime     = "8h"

  # A session of another data center is fetched: twice at most, and for no longer than 1.5 seconds together.
  retrieve_on_demand     = true
  retrieval_max_attempts = 2
  retrieval_max_wait     = "1.5s"

  # When that fails, challenge the user instead of going on with what the cookie proves.
  continue_on_sync_failure = false

  # A session lives in one data center at a time, and the browser carries when it was used last.
  anchored           = true
  sign_in_url        = "https://login.example.com"
  gito_cookie_domain = "example.com"

  # At most three sign-ons a user, over all data centers; a fourth ends the oldest.
  max_sessions_per_user = 3
  max_sessions_action   = "end_oldest"
}
