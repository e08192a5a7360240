# The id is the cluster id of the data center that the provider's endpoint is.
terraform import concord_data_center.ny NYDC
