resource "concord_group" "staff" {
  name = "staff"
}

resource "concord_user" "alice" {
  name         = "alice"
  display_name = "Alice Archer"
  email        = "alice@example.com"
  groups       = [concord_group.staff.name]
  attributes = {
    department = "research"
  }

  password_wo         = var.first_password # kept in neither plan nor state
  password_wo_version = 1                  # raise it to send the password again
}

variable "first_password" {
  type      = string
  sensitive = true
  ephemeral = true
}
