resource "concord_security_domain" "finance" {
  name = "finance"
}

resource "concord_group" "finance_administrators" {
  name = "finance-administrators"
}

# Members of the group manage what belongs to the domain, and see nothing of the others.
resource "concord_admin_role" "finance" {
  name            = "finance"
  description     = "Manages the applications and people of finance"
  security_domain = concord_security_domain.finance.name

  permissions = [{
    actions          = ["read", "write"]
    kinds            = ["application", "authorization_policy", "user", "group"]
    security_domains = [concord_security_domain.finance.name]
  }]

  groups = [concord_group.finance_administrators.name]
}

# Everything, for two people whose certificates this data center issued.
resource "concord_admin_role" "administrators" {
  name = "administrators"

  permissions = [{
    actions = ["read", "write", "operate"]
    kinds   = ["*"]
  }]

  certificates = ["spiffe://nydc/admin/ann", "spiffe://nydc/admin/bob"]
}

# A help desk: it sees who is signed in, and ends their sessions.
resource "concord_admin_role" "help_desk" {
  name = "help-desk"

  permissions = [
    { actions = ["read", "operate"], kinds = ["session"] },
    { actions = ["read"], kinds = ["user", "group"] },
  ]
}
