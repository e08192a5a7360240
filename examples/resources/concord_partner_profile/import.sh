# There is one profile in each data center; its id is always default.
terraform import concord_partner_profile.this default
