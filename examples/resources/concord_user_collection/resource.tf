resource "concord_group_collection" "all" {
  groups = {
    staff = { description = "Everybody on the payroll" }
    ops   = {}
  }
}

locals {
  people = {
    ann  = { name = "Ann Archer", groups = ["staff", "ops"] }
    bob  = { name = "Bob Baker", groups = ["staff"] }
    carl = { name = "Carl Cook", groups = ["staff"] }
  }
}

resource "concord_user_collection" "staff" {
  users = {
    for name, person in local.people : name => {
      display_name        = person.name
      email               = "${name}@example.com"
      groups              = person.groups
      password_wo_version = name == "ann" ? 1 : null # raise it to send ann's password again
    }
  }

  passwords_wo = { # kept in neither plan nor state
    ann = var.first_password
  }

  depends_on = [concord_group_collection.all]
}

variable "first_password" {
  type      = string
  sensitive = true
  ephemeral = true
}
