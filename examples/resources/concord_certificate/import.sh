# The id is the serial, as `concord trust certificates` shows it.
terraform import concord_certificate.portal 5f1c2b7a9e0d4c3b8a7f6e5d4c3b2a19
