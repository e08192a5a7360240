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

resource "concord_authorization_policy" "payroll" {
  name = "payroll"

  rules = [
    {
      effect    = "allow"
      groups    = [concord_group.staff.name]
      networks  = ["10.0.0.0/8", "2001:db8::/32"]
      times     = [{ days = ["mon", "tue", "wed", "thu", "fri"], from = "07:00", to = "19:00", time_zone = "Europe/Berlin" }]
      condition = "attributes.department == \"hr\" && now - authenticated_at < duration(\"4h\")"
    },
  ]

  responses = {
    headers = {
      "X-Department" = "attributes.department"
      "X-Groups"     = "groups"
    }
  }
}
