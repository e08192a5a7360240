# The session policy, of which there is one.
list "concord_session_policy" "this" {
  provider = concord
}
