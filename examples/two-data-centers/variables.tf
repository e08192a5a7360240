variable "dev_json" {
  description = "Inventory of the data centers, as `concord dev` writes it. The first one becomes the master, the second its clone."
  type        = string
  default     = "dev.json"
}

variable "origins" {
  description = "Where browsers reach the application: the origin of the agent in front of it, by the cluster id of the data center that the agent belongs to."
  type        = map(string)
  default = {
    NYDC = "https://127.0.0.1:7405"
    LDC  = "https://127.0.0.1:7415"
  }
}

variable "deletion_protection" {
  description = "Whether Terraform refuses to destroy data centers, their registrations and their agreement. Before a destroy, apply once with false."
  type        = bool
  default     = true
}

# The next two are ephemeral: Terraform hands them to write-only attributes and keeps them in neither plan nor state.

variable "passwords" {
  description = "First passwords, by user name."
  type        = map(string)
  sensitive   = true
  ephemeral   = true
}

variable "agent_secrets" {
  description = "What each agent proves itself with, at least 16 characters, by cluster id as in origins."
  type        = map(string)
  sensitive   = true
  ephemeral   = true
}

variable "secrets_version" {
  description = "Raise it to send passwords and agent secrets again."
  type        = number
  default     = 1
}
