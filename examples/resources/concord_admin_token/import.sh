# The id is the token's name. Its text is not read: change token_wo_version to send one.
terraform import concord_admin_token.prometheus prometheus
