# The id is the user's name. No server gives a password away, so the first apply after
# an import shows password_wo_version as a change and sends the password of the configuration.
terraform import concord_user.alice alice
