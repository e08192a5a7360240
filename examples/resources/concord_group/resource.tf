resource "concord_group" "staff" {
  name        = "staff"
  description = "Everyone who works here"
}
