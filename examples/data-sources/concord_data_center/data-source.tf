data "concord_data_center" "this" {}

output "where_it_stands" {
  value = "${data.concord_data_center.this.cluster_id} is ${data.concord_data_center.this.role} in epoch ${data.concord_data_center.this.epoch}"
}
