# The id is the setting's name.
terraform import concord_setting.banner banner
