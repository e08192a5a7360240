# The id is the identifier, which concord status shows, or the agreement's name where no other one has it.
terraform import concord_replication_agreement.ldc NYDC-LDC-5f0c9a11
