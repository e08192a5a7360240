# The id is the domain's name.
terraform import concord_security_domain.finance finance
