# Who is signed in at this data center without having been confirmed by another one.
data "concord_sessions" "unconfirmed" {
  degraded = true
}

check "every_session_is_confirmed" {
  assert {
    condition     = length(data.concord_sessions.unconfirmed.sessions) == 0
    error_message = "Made from a cookie alone: ${join(", ", data.concord_sessions.unconfirmed.sessions[*].user)}."
  }
}
