# The id is the application's name.
terraform import concord_application.wiki wiki
