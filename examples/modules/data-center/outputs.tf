output "self" {
  description = "What the others must know of this data center: an entry of their topology."
  value = {
    cluster_id      = var.cluster_id
    agent_id        = concord_partner_profile.this.agent_id
    peer_address    = coalesce(var.peer_address, replace(concord_data_center.this.peer_url, "/^https?:\\/\\//", ""))
    admin_url       = var.admin_url
    certificate_pem = data.concord_trust_bundle.this.certificate_pem
  }
}

output "linked" {
  description = "The cluster id, once this data center has its role and knows all others."
  value       = concord_data_center.this.cluster_id
  depends_on  = [concord_trusted_certificate.of, concord_partner.to, concord_partner_profile.this]

  precondition {
    condition     = contains(keys(var.topology), var.cluster_id)
    error_message = "topology has no entry ${var.cluster_id}: pass the output self of every data center, this one included."
  }

  precondition {
    condition     = contains(keys(var.topology), var.master)
    error_message = "The master ${var.master} is none of the topology's data centers."
  }
}

output "replicated" {
  description = "The cluster id, once every clone of this master has its copy. Let configuration depend on it, and a destroy takes it from the clones too."
  value       = concord_data_center.this.cluster_id
  depends_on  = [concord_replication_agreement.to]
}
