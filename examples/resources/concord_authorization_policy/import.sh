# The id is the policy's name.
terraform import concord_authorization_policy.staff staff-only
