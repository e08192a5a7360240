# The id is the kind and the name of the object, with a slash between them.
terraform import concord_override.sign_in session_policy/default
