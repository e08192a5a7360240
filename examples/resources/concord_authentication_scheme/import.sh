# The id is the scheme's name.
terraform import concord_authentication_scheme.strong strong
