# There is one policy; its id is always default.
terraform import concord_session_policy.this default
