# The id is the role's name.
terraform import concord_admin_role.finance finance
