# The agreements of which this data center is the master.
list "concord_replication_agreement" "all" {
  provider = concord
  limit    = 1000
}
