resource "concord_agent" "ny" {
  name       = "web-nydc"
  hosts      = ["https://wiki.example.com", "https://wiki.example.com:8443"]
  start_page = "https://wiki.example.com/start"

  primary   = ["ny1=https://ny1.example.com:7401", "ny2=https://ny2.example.com:7401"]
  secondary = ["LDC/ld1=https://ld1.example.com:7401"] # asked while no primary answers

  backchannel_logout_url = "https://wiki.example.com/.concord/backchannel-logout"
  cache_lifetime         = "10s" # ended sign-ons count at once all the same: the gate is told

  secret_wo         = var.agent_secret # kept in neither plan nor state
  secret_wo_version = 1                # raise it to send the secret again
}

variable "agent_secret" {
  description = "At least 16 characters; the agent has it in its secret_file."
  type        = string
  sensitive   = true
  ephemeral   = true
}
