# The id is the partner's cluster id.
terraform import concord_partner.ldc LDC
