variable "deploy_password" {
  type      = string
  ephemeral = true
}

# A token of a few minutes for a script, from the password of a user whom an administrators' role names.
ephemeral "concord_security_context" "deploy" {
  username = "deploy"
  password = var.deploy_password
}

resource "terraform_data" "status" {
  provisioner "local-exec" {
    command     = "concord status"
    environment = { CONCORD_TOKEN = ephemeral.concord_security_context.deploy.token }
  }
}
