variable "cluster_id" {
  description = "Cluster id of the data center behind the provider of this call."
  type        = string
}

variable "master" {
  description = "Cluster id of the master, alike in every call; all others are its clones. It must be known at plan: write it down."
  type        = string
}

variable "topology" {
  description = "The output self of every data center, this one included, by cluster id. Alike in every call."
  type = map(object({
    agent_id        = string
    peer_address    = string
    admin_url       = optional(string)
    certificate_pem = string
  }))
}

variable "linked" {
  description = "The output linked of every data center, by cluster id. Alike in every call: it makes the agreements wait until both ends know each other, and go before they do not."
  type        = map(string)
}

variable "display_name" {
  description = "What people see."
  type        = string
  default     = null
}

variable "admin_url" {
  description = "Where administrators reach this data center, https://host:port. Its partners' refusals name it."
  type        = string
  default     = null
}

variable "peer_address" {
  description = "host:port at which partners reach this data center. By default what the data center says itself."
  type        = string
  default     = null
}

variable "availability" {
  description = "active, hot_standby or passive: what load balancers are told."
  type        = string
  default     = "active"
}

variable "write_requires" {
  description = "local or majority: who must have a change before the master acknowledges it. Alike in every call."
  type        = string
  default     = "local"
}

variable "wait_for_sync" {
  description = "Whether a write at the master waits up to five seconds for every clone. Alike in every call: it counts where the master is."
  type        = bool
  default     = false
}

variable "deletion_protection" {
  description = "Whether a plan that would destroy the data center's role, a partner or an agreement is refused. Switch it off, and apply that, before taking a data center out."
  type        = bool
  default     = false
}
