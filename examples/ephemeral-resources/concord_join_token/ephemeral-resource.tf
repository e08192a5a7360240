# A token that lets the agent "portal" get its certificate once, on its own machine and with its own key.
ephemeral "concord_join_token" "portal" {
  purpose = "agent"
  name    = "portal"
  ttl     = "10m"
}

# It goes where ephemeral values may go: a provisioner, or a write-only attribute of a store of secrets that the machine reads.
# Each plan and each apply makes a token of its own; the ones that nobody used end by themselves.
resource "terraform_data" "portal" {
  provisioner "local-exec" {
    command     = "printf %s \"$TOKEN\" | concord trust enroll - --dir portal" # by ssh for another machine
    environment = { TOKEN = ephemeral.concord_join_token.portal.token }
  }
}
