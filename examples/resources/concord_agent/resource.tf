resource "concord_agent" "ny" {
  name       = "web-nydc"
  hosts      = ["https://wiki.example.com", "https://wiki.example.com:8443"]
  start_page = "https://wiki.example.com/start"

  secret_wo         = var.agent_secret # kept in neither plan nor state
  secret_wo_version = 1                # raise it to send the secret again
}

variable "agent_secret" {
  description = "At least 16 characters; the agent has it in its secret_file."
  type        = string
  sensitive   = true
  ephemeral   = true
}
