resource "concord_setting" "banner" {
  name        = "banner"
  description = "What the portal shows above the sign-in form"
  value       = jsonencode({ text = "Maintenance on Sunday", level = "info" })
}
