# The id is the group's name.
terraform import concord_group.staff staff
