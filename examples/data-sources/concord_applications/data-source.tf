# Which application has which host.
data "concord_applications" "all" {}

output "application_of_host" {
  value = merge([for a in data.concord_applications.all.applications : { for h in a.hosts : h => a.name }]...)
}
