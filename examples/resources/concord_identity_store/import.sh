# The id is the store's name.
terraform import concord_identity_store.corp corp
