# The id is the agent's name. No server gives a secret away, so the first apply after
# an import shows secret_wo_version as a change and sends the secret of the configuration.
terraform import concord_agent.ny web-nydc
