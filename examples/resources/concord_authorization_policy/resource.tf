resource "concord_group" "staff" {
  name = "staff"
}

resource "concord_group" "suspended" {
  name = "suspended"
}

resource "concord_authorization_policy" "staff" {
  name = "staff-only"

  rules = [
    { effect = "deny", groups = [concord_group.suspended.name] }, # wins over every allow
    { effect = "allow", groups = [concord_group.staff.name], users = ["auditor"] },
  ]
}
