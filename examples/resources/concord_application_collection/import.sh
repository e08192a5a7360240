# The id is the applications' names with commas between them. "hr-*" stands for all whose names begin with hr-,
# and "*" for all applications of the data center.
terraform import concord_application_collection.intranet 'wiki,calendar,tickets'
