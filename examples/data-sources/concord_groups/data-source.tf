# Every group of the payroll department, whoever declared it.
data "concord_groups" "payroll" {
  name_prefix = "payroll-"
}

output "payroll_groups" {
  value = data.concord_groups.payroll.groups[*].name
}
