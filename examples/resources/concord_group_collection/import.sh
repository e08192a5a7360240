# The id is the groups' names with commas between them. "office-*" stands for all whose names begin with office-,
# and "*" for all groups of the data center.
terraform import concord_group_collection.offices 'office-*'
