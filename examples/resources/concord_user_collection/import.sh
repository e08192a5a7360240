# The id is the users' names with commas between them. "hr-*" stands for all whose names begin with hr-,
# and "*" for all users of the data center.
terraform import concord_user_collection.staff 'ann,bob,carl'
