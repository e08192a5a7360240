resource "concord_group" "operators" {
  name = "operators"
}

resource "concord_package" "install" {
  name        = "install"
  description = "Sets a desktop up"
  source      = "${path.module}/install.sh"
  groups      = [concord_group.operators.name]
}
