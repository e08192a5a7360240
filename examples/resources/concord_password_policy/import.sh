# There is one password policy, so the id is always the same.
terraform import concord_password_policy.this default
